"""The page in the browser (`spectrack app`): point, watch, correct; its sessions and its guards."""
