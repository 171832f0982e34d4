"""Streams through boto3's eyes: a client that reads a simulated stream, and a reader of real ones.

Nothing is imported here, because boto3 is slow to import and may be missing.
"""
