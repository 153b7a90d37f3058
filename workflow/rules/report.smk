# written with the figures
