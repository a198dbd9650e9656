"""The pages, a module each: from what an address asks to a page, by way of the library."""
