"""What each kind of ceremony must have recorded, and in which order: the rules that a verifier holds a transcript to."""
