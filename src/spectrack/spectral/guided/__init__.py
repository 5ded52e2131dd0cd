"""The guided filter: data-dependent links, our `default` and `deep`."""
