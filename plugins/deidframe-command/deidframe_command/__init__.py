"""Any program as a method: redactor and synthesizer `command`."""
