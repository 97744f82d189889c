"""Pushed events: how a sender signs them, the endpoint that takes them, and the durable segments they wait in.

In: signed HTTP requests with CloudEvents. Out: segment files, which :mod:`backoffice.collect.push` lands as batches.
"""
