import ArgumentParser
import Simulation

/// Very many delayed messages at one broker, on virtual time.
struct DelaysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delays",
        abstract: "Lets a broker deliver very many delayed messages; each once and on time?")

    @Option(help: "How many messages.")
    var messages = 1_000_000
    @Option(help: "Their times are spread over so many simulated seconds.")
    var over = 600
    @Option(help: "What their times are drawn from.")
    var seed: UInt64 = 1

    func validate() throws {
        guard (1...50_000_000).contains(self.messages), (1...86_400).contains(self.over) else {
            throw ValidationError("--messages: 1 to 50000000; --over: 1 to 86400")
        }
    }

    func run() throws {
        var settings = DelayDrill.Settings()
        settings.messages = self.messages
        settings.over = .seconds(self.over)
        settings.seed = self.seed
        var drill = DelayDrill(settings)
        let report = try drill.run()
        print(report.text)
        if !report.isGood { throw ExitCode(1) }
    }
}
