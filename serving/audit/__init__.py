"""The audit log: who asked what, of which model, and what was answered; never a pixel.

Each entry's hash covers the one before it, after Schneier and Kelsey, "Secure Audit Logs to Support
Computer Forensics", ACM TISSEC 2(2), 1999; a checkpoint signs the last hash now and then. Up to the
last checkpoint nothing can be removed, edited or put in another order without `endolink audit
verify` naming it. What came after it could be rewritten by whoever can write to the database.
"""
