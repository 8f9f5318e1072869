import ArgumentParser
import Testing

@testable import apus

@Suite("the command line")
struct ArgumentTests {
    private func exitCode(_ words: String) -> Int32? {
        do {
            _ = try Apus.parseAsRoot(words.split(separator: " ").map(String.init))
            return nil
        } catch {
            return Apus.exitCode(for: error).rawValue
        }
    }

    @Test(
        "what is right is taken",
        arguments: [
            "produce --topic T hello", "produce --topic T --file F --tag a --property k=v",
            "consume --topic T --from 10m --follow", "consume -t T --group G --count 3 --json",
            "topic create T --queues 4", "topic list --json -n 10.0.0.1:9876", "topic info T",
            "topic delete T --yes", "group list", "group info G", "group lag G --topic T",
            "group seek G --topic T --to first", "message get ABC --topic T",
            "message find --topic T --key K --since 2h", "message delayed --limit 5",
            "dlq list --json", "dlq show G --topic T --since 2h --until 1h --error timeout --key K",
            "dlq replay G --rate 50/s --dry-run", "dlq replay G --rate 100/m", "dlq purge G --yes",
            "cluster info", "cluster health",
            "verify --count 10", "verify --duration 12 --rate 100 --history F --json",
            "verify --check A --check B", "bench send --in-flight 8 --duration 500ms",
            "bench consume", "bench latency", "bench disk --directory /tmp",
        ])
    func right(words: String) {
        #expect(self.exitCode(words) == nil)
    }

    @Test(
        "what is wrong ends with the code for wrong usage",
        arguments: [
            "bogus", "produce hello", "produce --topic a/b x", "produce --topic T --property k x",
            "produce --topic T --file F x", "consume", "consume --topic T --count 0",
            "topic create", "topic create T --queues 0", "topic delete T",
            "topic list --name-server localhost", "topic list --timeout 0", "verify --producers 0",
            "verify --duration soon", "verify --size 0", "bench send --connections 0",
            "bench disk --size 0", "dlq show", "dlq show G --count 0", "dlq replay G --rate 0",
            "dlq replay G --rate 5/y", "dlq purge G",
        ])
    func wrong(words: String) {
        #expect(self.exitCode(words) == 64)
    }

    @Test("several name servers, however separated")
    func nameServers() throws {
        let options = try ConnectionOptions.parse(["--name-server", "a:1;b:2,c:3"])
        #expect(options.nameServers == ["a:1", "b:2", "c:3"])
    }

    @Test("every command explains itself, and the leaves with an example")
    func help() {
        var open: [any ParsableCommand.Type] = [Apus.self]
        while let command = open.popLast() {
            let configuration = command.configuration
            #expect(!configuration.abstract.isEmpty)
            if configuration.subcommands.isEmpty {
                #expect(configuration.discussion.contains("apus "), "\(command)")
            }
            open += configuration.subcommands
        }
    }
}
