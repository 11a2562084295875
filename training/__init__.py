"""Fine-tune, evaluate, calibrate and export. The only room that imports torch."""
