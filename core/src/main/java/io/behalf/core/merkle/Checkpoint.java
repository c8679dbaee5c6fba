package io.behalf.core.merkle;

import java.util.List;
import java.util.regex.Pattern;

/**
 * A log's state: C2SP tlog-checkpoint, the text of a signed note. {@code extensions} are further lines, which the specification
 * discourages: none is written here, those of others are kept.
 */
public record Checkpoint(String origin, long size, Hash root, List<String> extensions) {
    private static final Pattern DECIMAL = Pattern.compile("0|[1-9][0-9]{0,18}");

    public Checkpoint {
        if (!VerifierKey.isName(origin)) {
            throw new IllegalArgumentException("not an origin: " + origin);
        }
        if (size < 0) {
            throw new IllegalArgumentException("a log's size is not negative");
        }
        extensions = List.copyOf(extensions);
    }

    public Checkpoint(String origin, long size, Hash root) {
        this(origin, size, root, List.of());
    }

    public static Parsed<Checkpoint> parse(String text) {
        if (!text.endsWith("\n")) {
            return Parsed.invalid("a checkpoint ends with a line end");
        }
        List<String> lines = List.of(text.substring(0, text.length() - 1).split("\n", -1));
        if (lines.size() < 3) {
            return Parsed.invalid("a checkpoint has three lines at least");
        }
        if (!VerifierKey.isName(lines.get(0))) {
            return Parsed.invalid("the checkpoint's origin is empty or has white space or a +");
        }
        if (!DECIMAL.matcher(lines.get(1)).matches()) {
            return Parsed.invalid("the checkpoint's size is not a decimal number without leading zeros");
        }
        long size;
        try {
            size = Long.parseLong(lines.get(1));
        } catch (NumberFormatException e) {
            return Parsed.invalid("the checkpoint's size is too large");
        }
        List<String> extensions = lines.subList(3, lines.size());
        if (extensions.contains("")) {
            return Parsed.invalid("the checkpoint has an empty line");
        }
        return StrictBase64.decode(lines.get(2))
                .then(root -> root.length == Hash.BYTES
                        ? Parsed.valid(new Checkpoint(lines.get(0), size, Hash.of(root), extensions))
                        : Parsed.invalid("the checkpoint's root hash is not 32 bytes long"));
    }

    /** The text that is signed. */
    public String text() {
        var text = new StringBuilder()
                .append(origin)
                .append('\n')
                .append(size)
                .append('\n')
                .append(StrictBase64.encode(root.bytes()))
                .append('\n');
        extensions.forEach(line -> text.append(line).append('\n'));
        return text.toString();
    }
}
