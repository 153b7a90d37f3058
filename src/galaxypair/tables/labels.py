"""How properties are written on axes."""

# Figures and axes: name -> label with unit
LABELS = {
    "z": "redshift z",
    "log_mstar": r"$\log_{10}\,M_{\bigstar}\ [M_\odot]$",
    "z_mw": r"metallicity $Z_{\rm MW}$",
    "tage_mw": r"mass-weighted age [Gyr]",
    "avg_sfr": r"SFR (last Gyr) [$M_\odot$ yr$^{-1}$]",
    "log_z_mw": r"$\log_{10}\,Z_{\rm MW}$",  # published AstroCLIP code: the natural logarithm
    "log_avg_sfr": r"$\log_{10}$ SFR (last Gyr) [$M_\odot$ yr$^{-1}$]",
    "log_ssfr": r"$\log_{10}$ sSFR [yr$^{-1}$]",
    "ln_avg_sfr_over_z_mw": r"$\ln\,({\rm SFR}\,/\,Z_{\rm MW})$",
    "g_r": r"$g - r$ [AB mag]",
    "mag_g": "g [AB mag]",
    "mag_r": "r [AB mag]",
    "mag_z": "z band [AB mag]",
    "mag_w1": "W1 [AB mag]",
    "spectrum_snr": "spectrum S/N per bin",
    "reference_distance": "distance to k-th reference",
    "interval_width": "width of the interval",
}
