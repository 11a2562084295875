"""Clients of the service, for Python: `http` for single frames, `stream` and `live` for streams.

They share the protocol's file (`endolink.serving.wire`) and the verdict with the service, and
nothing else of it.
"""
