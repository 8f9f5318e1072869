import ArgumentParser
import Chaos
import RemotingProtocol

struct ControllerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "controller", abstract: "Look at the controllers and change their group.",
        subcommands: [
            ControllerStatus.self, ControllerTransfer.self, ControllerAdd.self,
            ControllerRemove.self,
        ])
}

struct ControllerStatus: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show who leads and how far each controller is.",
        discussion: """
            Exits 1 if nobody leads.

            Example:
              apus controller status --controller 127.0.0.1:9888
            """)

    @OptionGroup var controllers: ControllerOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let states = try await self.connection.withControllers(self.controllers) { access in
            try await attempting("cannot show the controllers") {
                () async throws(AccessError) in
                try await access.states()
            }
        }
        if self.output.json {
            Terminal.print(["controllers": .array(states.map(\.json))])
        } else {
            Terminal.print(ControllerState.table(states))
        }
        guard states.contains(where: { $0.role == "leader" }) else {
            throw ExitCode(ExitStatus.negative.rawValue)
        }
    }
}

struct ControllerTransfer: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer", abstract: "Make another controller the leader.",
        discussion: """
            Example:
              apus controller transfer --to n1
            """)

    @Option(help: ArgumentHelp("The controller that is to lead.", valueName: "id"))
    var to: String
    @OptionGroup var controllers: ControllerOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        try await self.connection.change(
            .transferLeader(to: self.to), at: self.controllers,
            failing: "cannot make \(self.to) the leader")
        self.output.confirm("\(self.to) leads now", ["leader": .string(self.to)])
    }
}

struct ControllerAdd: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Take a new controller into the group.",
        discussion: """
            The new one gets a copy of everything first, and a vote as soon as it has caught up. \
            Start it with all controllers in its controllerPeers, itself too.

            Example:
              apus controller add n3 10.0.0.4:9878
            """)

    @Argument(help: "Its id: controllerSelfId in its configuration.") var id: String
    @Argument(help: ArgumentHelp("Where it answers requests.", valueName: "host:port"))
    var address: String
    @OptionGroup var controllers: ControllerOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard let colon = self.address.lastIndex(of: ":"), colon > self.address.startIndex,
            let port = Int(self.address[self.address.index(after: colon)...]),
            (1...65_534).contains(port)
        else {
            throw ValidationError(
                "An address is HOST:PORT, such as 127.0.0.1:9908, with a port up to 65534: the one "
                    + "behind it is for the other controllers.")
        }
    }

    func perform() async throws {
        try await self.connection.change(
            .add(ControllerPeer(id: self.id, address: self.address)), at: self.controllers,
            failing: "cannot add \(self.id)")
        self.output.confirm(
            "\(self.id) belongs to the group; it votes as soon as it has caught up",
            ["added": .string(self.id)])
    }
}

struct ControllerRemove: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take a controller out of the group.",
        discussion: """
            Its process may run on; it has no say any more. Stop it, and take it out of the \
            configuration of brokers and controllers.

            Example:
              apus controller remove n2 --yes
            """)

    @Argument(help: "Its id.") var id: String
    @Flag(help: "Do it without asking.") var yes = false
    @OptionGroup var controllers: ControllerOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard self.yes else {
            throw ValidationError(
                "Without \(self.id) fewer controllers may fail. Add --yes if you mean it.")
        }
    }

    func perform() async throws {
        let what = "cannot remove \(self.id)"
        try await self.connection.withControllers(self.controllers) { access in
            let peers = try await attempting(what) { () async throws(AccessError) in
                try await access.peers()
            }
            guard peers.contains(where: { $0.id == self.id }) else {
                throw CommandFailure.notFound(what, try: "look at `apus controller status`")
            }
            do throws(AccessError) {
                _ = try await access.callLeader(ControllerChange.remove(id: self.id).command)
            } catch {
                guard await access.isGone(self.id, of: peers) else {
                    throw CommandFailure(what, error)
                }
            }
        }
        self.output.confirm(
            "\(self.id) does not belong to the group any more", ["removed": .string(self.id)])
    }
}

extension ConnectionOptions {
    fileprivate func change(
        _ change: ControllerChange, at controllers: ControllerOptions, failing what: String
    ) async throws {
        try await self.withControllers(controllers) { access in
            _ = try await attempting(what) { () async throws(AccessError) in
                try await access.callLeader(change.command)
            }
        }
    }
}

extension OutputOptions {
    /// Tells that something was done.
    func confirm(_ text: String, _ json: JSONValue) {
        if self.json { Terminal.print(json) } else { Terminal.print(text) }
    }
}
