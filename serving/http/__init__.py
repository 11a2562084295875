"""The service's HTTP face: one file for each resource."""
