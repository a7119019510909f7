"""What people look at: a policy as a picture, in a file or in a notebook."""
