"""Encoder `facenet` and detector `mtcnn`."""
