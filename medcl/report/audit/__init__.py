"""The page of an audit: verdict, purpose, figures, controls, pictures, signatures."""
