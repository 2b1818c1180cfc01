"""The media plane's I/O: the relay process, its UDP port, DTLS and SRTP, and the control channel."""
