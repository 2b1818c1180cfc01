"""The consultation protocol and the media plane. Pure, except net/. The specification is README.md."""
