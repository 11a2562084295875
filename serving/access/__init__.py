"""Who may ask: API keys and OpenID Connect tokens, what each may do, and how often."""
