"""The guided filter: data-dependent links, our `colour` and `deep`."""
