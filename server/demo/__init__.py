"""A demo clinic: made-up people, triaged for real, and the contract for programs that test the product."""
