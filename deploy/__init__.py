"""What it takes to install, describe and deploy the product."""
