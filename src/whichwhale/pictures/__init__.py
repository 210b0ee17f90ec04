"""Photos reduced once, whole or about a head: what localizers, aligners and detectors see."""
