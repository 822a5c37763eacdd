-- Who acted with the key, as whoever holds the key says it: the console, of somebody who signed in by an identity provider.
ALTER TABLE gateway.changes ADD COLUMN person text;
