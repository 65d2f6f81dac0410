"""Fusion judged: many pairs, the published tables, the ablation."""
