"""Adversarial cloaks: redactors `pgd`, `mi-fgsm`, `ti-dim` and `tip-im`."""
