# Zero-shot scores under named protocols, side by side.
