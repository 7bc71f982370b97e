"""Encoder `dlib-resnet`: the original work's ResNet, without dlib's own code."""
