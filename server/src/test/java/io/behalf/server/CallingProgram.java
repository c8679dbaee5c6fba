package io.behalf.server;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A program that is run in tests: makes one call with what its environment gives it, and writes down the answer. */
final class CallingProgram {
    private CallingProgram() {}

    /** @param variable of the address that is called; {@code path} is appended to it */
    static List<String> command(Path answer, String variable, String path) {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                Path.of(CallingProgram.class
                                .getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .getPath())
                        .toString(),
                CallingProgram.class.getName(),
                answer.toString(),
                variable,
                path);
    }

    public static void main(String[] args) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(System.getenv(args[1]) + args[2]))
                .header("Authorization", "Bearer " + System.getenv("BEHALF_KEY"))
                .POST(HttpRequest.BodyPublishers.ofString(
                        "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}"))
                .header("Content-Type", "application/json")
                .build();
        try (HttpClient client = HttpClient.newHttpClient()) {
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            Files.writeString(
                    Path.of(args[0]),
                    answer.statusCode() + " "
                            + answer.headers().firstValue("Behalf-Task").orElse("") + " " + answer.body());
        }
    }
}
