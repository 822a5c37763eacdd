"""Files of tenants as callers send, list and delete them; what they are is said by shared.files.

An upload is read part by part and never held as a whole.
"""
