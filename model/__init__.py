"""What training and serving agree on: the one road from bytes to a verdict.

    bytes ──► Frame ──► view ──► tensor ──► logits ──► Verdict ──► (stream state) ──► alert
            decode   crop, mask  preprocess  runtime   calibrate     smooth, hysteresis

There is one implementation of each step. This room never imports torch, and never the web.
"""
