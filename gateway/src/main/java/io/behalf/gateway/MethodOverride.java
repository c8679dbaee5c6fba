package io.behalf.gateway;

import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/**
 * By a parameter of this name Rails, Laravel, Symfony and others let a request be another than its method says, so that an
 * operation would be carried out that nobody decided on.
 */
public final class MethodOverride {
    private static final String NAME = "_method";
    private static final String DISPOSITION = "content-disposition";
    private static final Pattern FOLD = Pattern.compile("\\r?\\n[ \\t]+");
    private static final Pattern IN_DISPOSITION =
            Pattern.compile("[^a-z0-9][_. ]method(?![a-z0-9_])", Pattern.CASE_INSENSITIVE);

    private MethodOverride() {}

    /** @param name of a parameter, decoded; PHP reads dots and blanks in it as underlines, and what follows a bracket as a key */
    public static boolean named(String name) {
        String begun = name.stripLeading();
        int end = begun.length();
        for (char bound : new char[] {'[', 0}) {
            int at = begun.indexOf(bound);
            end = at < 0 ? end : Math.min(end, at);
        }
        return begun.substring(0, end)
                .strip()
                .replace('.', '_')
                .replace(' ', '_')
                .equalsIgnoreCase(NAME);
    }

    /** Whether a part of a form in parts has this name, however it is written there (RFC 7578 §4.2). */
    public static boolean inParts(Buffer body) {
        String unfolded =
                FOLD.matcher(body.toString(StandardCharsets.ISO_8859_1)).replaceAll(" ");
        return unfolded.lines()
                .filter(line -> line.regionMatches(true, 0, DISPOSITION, 0, DISPOSITION.length()))
                .anyMatch(line -> IN_DISPOSITION.matcher(line.replace("\\", "")).find());
    }
}
