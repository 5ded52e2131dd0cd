"""The commands of ``spectrack``, one file each; nothing heavy is loaded before they run."""
