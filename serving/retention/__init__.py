"""Retention: frames that are kept for a purpose and a time, encrypted, and provably deleted.

Off unless it is set up. Each frame has a key of its own (AES-256-GCM); the index holds that key
wrapped (RFC 3394, NIST SP 800-38F) by one key in a file of its own. Deletion is cryptographic erase
(NIST SP 800-88 Rev. 1, section 2.6): the frame's wrapped key goes, those that stay are wrapped anew
under another key, and the old one is destroyed. So an old copy of folder and index opens nothing of
what was deleted, as long as nobody has an old copy of the key file.
"""
