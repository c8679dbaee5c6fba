package io.behalf.core.merkle;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

/**
 * A text and who signed it: C2SP signed-note. Parsing is strict, so that one note has one form: UTF-8, no control characters but
 * line ends, canonical base64. Having parsed says nothing about the signatures: see {@link #signedBy}.
 */
public record SignedNote(String text, List<Line> signatures) {
    /** The specification asks for 16 at least; witnesses add theirs. */
    public static final int MAX_SIGNATURES = 100;

    public static final int MAX_BYTES = 1_000_000;

    private static final String DASH = "\u2014 ";
    private static final int KEY_ID_BYTES = 4;

    /**
     * One signature line.
     *
     * @param base64 the key id's four bytes and the signature
     */
    public record Line(String name, String base64) {
        public Line {
            if (!VerifierKey.isName(name)) {
                throw new IllegalArgumentException("not a key name");
            }
            if (StrictBase64.decode(base64).fold(bytes -> bytes.length, problem -> 0) <= KEY_ID_BYTES) {
                throw new IllegalArgumentException("not a signature");
            }
        }

        private byte[] bytes() {
            return StrictBase64.decode(base64).orElseThrow();
        }

        private boolean claims(VerifierKey key) {
            return key.name().equals(name) && ByteBuffer.wrap(bytes()).getInt() == key.keyId();
        }

        private byte[] signature() {
            byte[] bytes = bytes();
            byte[] signature = new byte[bytes.length - KEY_ID_BYTES];
            System.arraycopy(bytes, KEY_ID_BYTES, signature, 0, signature.length);
            return signature;
        }
    }

    public SignedNote {
        if (!isText(text)) {
            throw new IllegalArgumentException("the text of a note is lines without control characters");
        }
        signatures = List.copyOf(signatures);
        if (signatures.isEmpty() || signatures.size() > MAX_SIGNATURES) {
            throw new IllegalArgumentException("a note has 1 to " + MAX_SIGNATURES + " signatures");
        }
    }

    public static Parsed<SignedNote> parse(byte[] bytes) {
        if (bytes.length > MAX_BYTES) {
            return Parsed.invalid("the note is larger than " + MAX_BYTES + " bytes");
        }
        String note;
        try {
            note = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            return Parsed.invalid("the note is not UTF-8");
        }
        int blank = note.lastIndexOf("\n\n");
        if (blank < 0) {
            return Parsed.invalid("the note has no blank line before its signatures");
        }
        String text = note.substring(0, blank + 1);
        if (!isText(text)) {
            return Parsed.invalid("the note's text has a control character");
        }
        return lines(note.substring(blank + 2)).then(lines -> Parsed.valid(new SignedNote(text, lines)));
    }

    private static Parsed<List<Line>> lines(String block) {
        if (!block.endsWith("\n")) {
            return Parsed.invalid("the note does not end with a line end");
        }
        String[] parts = block.substring(0, block.length() - 1).split("\n", MAX_SIGNATURES + 1);
        if (parts.length > MAX_SIGNATURES) {
            return Parsed.invalid("the note has more than " + MAX_SIGNATURES + " signatures");
        }
        var lines = new ArrayList<Line>();
        for (String part : parts) {
            int space = part.indexOf(' ', DASH.length());
            if (!part.startsWith(DASH) || space < 0) {
                return Parsed.invalid("a signature line has the form \u2014 name base64");
            }
            String name = part.substring(DASH.length(), space);
            String base64 = part.substring(space + 1);
            if (!VerifierKey.isName(name)) {
                return Parsed.invalid("a signature line has no proper name");
            }
            if (StrictBase64.decode(base64).fold(decoded -> decoded.length, problem -> 0) <= KEY_ID_BYTES) {
                return Parsed.invalid("a signature is not canonical base64 of a key id and a signature");
            }
            lines.add(new Line(name, base64));
        }
        return Parsed.valid(lines);
    }

    /** The bytes that {@link #parse} reads. */
    public byte[] bytes() {
        var note = new StringBuilder(text).append('\n');
        for (Line line : signatures) {
            note.append(DASH)
                    .append(line.name())
                    .append(' ')
                    .append(line.base64())
                    .append('\n');
        }
        return note.toString().getBytes(StandardCharsets.UTF_8);
    }

    /**
     * Which of these keys signed the text, at least one. Lines of keys not among them are passed over; a line that claims one of them
     * and does not verify spoils the whole note, since nobody honest made it.
     */
    public Parsed<List<VerifierKey>> signedBy(List<VerifierKey> known) {
        byte[] message = text.getBytes(StandardCharsets.UTF_8);
        var signers = new ArrayList<VerifierKey>();
        var seen = new HashSet<Line>();
        for (Line line : signatures) {
            if (!seen.add(line)) {
                continue;
            }
            for (VerifierKey key : known) {
                if (!line.claims(key)) {
                    continue;
                }
                if (!key.verifies(message, line.signature())) {
                    return Parsed.invalid("the signature by " + key.name() + " is wrong");
                }
                if (!signers.contains(key)) {
                    signers.add(key);
                }
            }
        }
        return signers.isEmpty() ? Parsed.invalid("no known key signed this note") : Parsed.valid(List.copyOf(signers));
    }

    private static boolean isText(String text) {
        return text.endsWith("\n") && text.chars().allMatch(c -> c == '\n' || !Character.isISOControl(c));
    }
}
