"""The service, its clients, and archive scoring. Never imports torch."""
