"""Adversarial cloaks: redactors `pgd`, `mi-fgsm` and `ti-dim`."""
