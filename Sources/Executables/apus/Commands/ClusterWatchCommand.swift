import ArgumentParser
import RemotingProtocol

struct ClusterWatch: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Show masters, epochs, SyncStateSets, lags and rates as they change.",
        discussion: """
            On a terminal the table is drawn anew each time, until Ctrl-C. What a broker lacks is \
            as old as its last heartbeat. With --json each look is one line.

            Examples:
              apus cluster watch
              apus cluster watch --once
            """)

    @Option(help: "How often to look.") var interval = DurationArgument(.seconds(1))
    @Flag(help: "Look twice, one interval apart, and show the second.") var once = false
    @OptionGroup var controllers: ControllerOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        Interrupt.watch()
        let last = try await self.connection.withControllers(self.controllers) { access in
            await self.watch(access)
        }
        if self.once, let problem = last?.problem {
            throw CommandFailure(
                .unavailable, "cannot watch the cluster", because: problem,
                try: "name a controller that runs with --controller")
        }
    }

    private func watch(_ access: ControllerAccess) async -> ClusterFrame? {
        var before: ClusterFrame?
        while !Interrupt.isRequested {
            let frame = await ClusterFrame.take(access)
            if !self.once || before != nil { self.show(frame, after: before) }
            if self.once, before != nil || frame.problem != nil { return frame }
            before = frame
            await Self.pause(self.interval.duration)
        }
        return before
    }

    private func show(_ frame: ClusterFrame, after before: ClusterFrame?) {
        if self.output.json {
            Terminal.print(frame.json(after: before))
        } else if Terminal.outputIsTerminal, !self.once {
            // Home, then each line to its end: clearing everything first would flicker.
            let lines = frame.text(after: before).split(separator: "\n")
            let text = lines.map { "\($0)\u{1B}[K\n" }.joined()
            Terminal.write(Array("\u{1B}[H\(text)\u{1B}[J".utf8))
        } else {
            Terminal.print(frame.text(after: before))
        }
    }

    /// Sleeps, but not longer than a user waits after Ctrl-C.
    private static func pause(_ duration: Duration) async {
        let clock = ContinuousClock()
        let end = clock.now + duration
        while clock.now < end, !Interrupt.isRequested {
            try? await clock.sleep(for: min(.milliseconds(100), clock.now.duration(to: end)))
        }
    }
}
