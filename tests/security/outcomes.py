"""What languages call an error, as the name of an errno: a test asks for ENOENT, whoever heard it."""
import errno
import os
import re

NAMES = set(errno.errorcode.values())
TEXTS = {os.strerror(number).lower(): name for number, name in errno.errorcode.items()}
TEXTS |= {
    "access is denied": "EACCES", "access to the path": "EACCES", "accessdenied": "EACCES", "permissiondenied": "EACCES",
    "notfound": "ENOENT", "could not find": "ENOENT", "no such file": "ENOENT", "nosuchfile": "ENOENT", "connectionrefused": "ECONNREFUSED",
    "networkunreachable": "ENETUNREACH", "network is unreachable": "ENETUNREACH", "text file busy": "ETXTBSY", "being used by another": "ETXTBSY",
}


def named(text):
    """"open '/x': Permission denied (os error 13)" -> "EACCES". What says nothing that is known stays as it is."""
    if text in ("allowed", "any"):
        return text
    for word in re.findall(r"\b[Ee][A-Za-z0-9]{2,15}\b", text):
        if word.upper() in NAMES and (word.isupper() or word.islower()):
            return word.upper()
    lower = text.lower()
    found = [known for known in TEXTS if known in lower]
    return TEXTS[max(found, key=len)] if found else text
