"""Microsoft Graph's cloud communications: ``sendDtmfTones`` and what belongs to it."""
