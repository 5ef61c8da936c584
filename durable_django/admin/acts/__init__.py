"""What a person does: acts on one execution or on many, and starts."""
