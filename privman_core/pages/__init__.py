"""Pages for people: what every HTML page of a party needs, whatever the product."""
