"""Questions of our own: what refining gains, what doubt is worth, what trackers find again."""
