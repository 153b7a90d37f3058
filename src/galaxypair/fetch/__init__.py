"""Files over the network: whole ones, resumed and verified, or a share of a joint file by its ranges."""
