"""Certificates of a small mesh: an authority, a server, and workloads named by SPIFFE ids."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Pki:
    def __init__(self, directory):
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        certificate = self._builder(self.name, self.key).add_extension(x509.BasicConstraints(True, None), True).sign(self.key, hashes.SHA256())
        self.authority = str(directory / "authority.pem")
        (directory / "authority.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.server = self._issue("server", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        self.peers = {}

    def peer(self, uri):
        """The file with certificate and key of the workload of this SPIFFE id."""
        if uri not in self.peers:
            self.peers[uri] = self._issue(f"peer{len(self.peers)}", [x509.UniformResourceIdentifier(uri)])
        return self.peers[uri]

    def _builder(self, name, key):
        now = datetime.datetime.now(datetime.UTC)
        return (x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                .not_valid_after(now + datetime.timedelta(days=1)))

    def _issue(self, name, names):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key)
                       .add_extension(x509.SubjectAlternativeName(names), False).sign(self.key, hashes.SHA256()))
        path = self.directory / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return str(path)
