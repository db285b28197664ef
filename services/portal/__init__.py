"""The portal: credentials, sign-in, sessions, API tokens, home, agency settings."""
