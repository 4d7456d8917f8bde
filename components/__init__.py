"""How each step works: one module is one step, with one public function and its parameters beside it."""
