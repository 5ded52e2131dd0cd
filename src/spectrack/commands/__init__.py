"""The commands of ``spectrack``, one file each; only standard modules are loaded at import."""
