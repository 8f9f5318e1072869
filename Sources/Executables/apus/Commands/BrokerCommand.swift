import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct BrokerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "broker",
        abstract: "Look at the brokers of each group, and change their roles.",
        subcommands: [
            BrokerStatus.self, BrokerElect.self, BrokerDrain.self, BrokerClean.self,
        ])
}

struct BrokerStatus: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show masters, epochs, SyncStateSets and lags.",
        discussion: """
            Asks the controllers, so it also shows brokers that are dead. LAG is what a broker \
            lacks of its master's log, in bytes. What a dead broker has is not known: NOTE says \
            when it was seen last.

            Examples:
              apus broker status
              apus broker status broker-a --json
            """)

    @Argument(help: "Only these broker groups.") var groups: [String] = []
    @OptionGroup var controllers: ControllerOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let data = try await self.connection.withControllers(self.controllers) { access in
            try await attempting("cannot show the brokers") { () async throws(AccessError) in
                try await access.groups(self.groups)
            }
        }
        if let missing = self.groups.first(where: { data.groups[$0] == nil }) {
            throw CommandFailure.notFound(
                "cannot show broker group \(missing)", try: "look at `apus broker status`")
        }
        if self.output.json {
            Terminal.print(BrokerRows.json(data))
        } else {
            Terminal.print(BrokerRows.table(data))
        }
    }
}

struct BrokerElect: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "elect", abstract: "Make a broker the master of its group.",
        discussion: """
            Elects among the living members of the SyncStateSet, which hold everything that was \
            acknowledged. With --force also somebody else, when no member is left: what only the \
            lost members held is lost then.

            Examples:
              apus broker elect broker-a --to 2
              apus broker elect broker-a --force --yes
            """)

    @Argument(help: "The broker group.") var group: String
    @Option(help: ArgumentHelp("The broker's id; the best one if not given.", valueName: "id"))
    var to: Int64?
    @Flag(help: "Accept that acknowledged messages are lost, if there is no other way.")
    var force = false
    @Flag(help: "Do it without asking.") var yes = false
    @OptionGroup var controllers: ControllerOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !self.force || self.yes else {
            throw ValidationError(
                "A forced election can lose acknowledged messages. Add --yes if you mean it.")
        }
        guard self.to ?? 1 > 0 else { throw ValidationError("Broker ids begin at 1.") }
    }

    func perform() async throws {
        let view = try await self.connection.withControllers(self.controllers) { access in
            if self.force { try await self.warn(access) }
            return try await self.elect(access)
        }
        let master = view.masterBrokerID.map(String.init) ?? "nobody"
        self.output.confirm(
            "broker \(master) at \(view.masterAddress) is master of \(self.group) "
                + "in epoch \(view.masterEpoch.value)",
            [
                "group": .string(self.group),
                "masterBrokerId": view.masterBrokerID.map { .integer($0) } ?? .null,
                "masterAddress": .string(view.masterAddress),
                "masterEpoch": .integer(Int64(view.masterEpoch.value)),
                "syncStateSet": .array(view.syncStateSet.map { .integer($0) }),
            ])
    }

    private func warn(_ access: ControllerAccess) async throws {
        let group = try await access.group(self.group)
        guard let warning = group.warningOfForce(to: self.to) else { return }
        Terminal.note("warning: \(warning)")
    }

    private func elect(_ access: ControllerAccess) async throws -> GroupView {
        let request = ElectMaster(
            clusterName: "", brokerName: self.group, brokerID: self.to,
            designateElect: self.to != nil && !self.force, force: self.force)
        let answer = try await attempting("cannot elect a master of \(self.group)") {
            () async throws(AccessError) in
            try await access.callLeader(request.command, accepting: [.success])
        }
        do {
            return try GroupView(answer: answer)
        } catch {
            throw CommandFailure(
                "cannot read the answer", .unreadable(problem: "\(error)", from: "the controllers")
            )
        }
    }
}

struct BrokerDrain: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Move the mastership away from a broker.",
        discussion: """
            The broker refuses new messages, waits until all it has taken are safe, and lets \
            another one be elected. It stays a replica until it is started again or --undo is \
            given.

            Examples:
              apus broker drain broker-a --id 1
              apus broker drain broker-a --id 1 --undo
            """)

    @Argument(help: "The broker group.") var group: String
    @Option(help: ArgumentHelp("The broker's id; the master if not given.", valueName: "id"))
    var id: Int64?
    @Flag(help: "Let it be master again.") var undo = false
    @Option(help: "How long the handover may take.") var patience = DurationArgument(.seconds(10))
    @OptionGroup var controllers: ControllerOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !self.undo || self.id != nil else {
            throw ValidationError("--undo wants the broker's id: --id.")
        }
    }

    func perform() async throws {
        let id = try await self.connection.withControllers(self.controllers) { access in
            let group = try await access.group(self.group)
            let broker = try self.broker(of: group)
            if !self.undo, !group.isServed(without: broker.brokerID) {
                throw CommandFailure(
                    .unavailable, "cannot drain broker \(broker.brokerID) of \(self.group)",
                    because: "all the others are drained or dead: nobody could take over",
                    try: "start another one, or let one lead again with --id ID --undo")
            }
            try await self.ask(broker, access)
            if !self.undo { try await self.wait(for: broker.brokerID, access) }
            return broker.brokerID
        }
        self.output.confirm(
            self.undo
                ? "broker \(id) of \(self.group) may be master again"
                : "broker \(id) of \(self.group) is drained",
            [
                "group": .string(self.group), "id": .integer(id),
                "drained": .bool(!self.undo),
            ])
    }

    private func broker(of group: GroupReplicas) throws(CommandFailure) -> ReplicaState {
        guard let wanted = self.id ?? group.masterBrokerID else {
            throw CommandFailure(
                .unavailable, "cannot drain \(self.group)",
                because: "it has no master, so there is nothing to give away",
                try: "`apus cluster health` says why; --id drains one of its brokers all the same")
        }
        guard let broker = group.all.first(where: { $0.brokerID == wanted }) else {
            throw .notFound(
                "cannot find broker \(wanted) of \(self.group)",
                try: "look at `apus broker status \(self.group)`")
        }
        return broker
    }

    private func ask(_ broker: ReplicaState, _ access: ControllerAccess) async throws {
        var command = RemotingCommand.request(.drainBroker)
        if self.undo { command["undo"] = "true" }
        let request = command
        _ = try await attempting("cannot drain broker \(broker.brokerID)") {
            () async throws(AccessError) in
            try await access.access.call(request, to: broker.brokerAddress)
        }
    }

    private func wait(for id: Int64, _ access: ControllerAccess) async throws {
        let clock = ContinuousClock()
        let end = clock.now + self.patience.duration
        while clock.now < end {
            if try await access.group(self.group).isDrained(id) { return }
            try await clock.sleep(for: .milliseconds(100))
        }
        throw CommandFailure(
            .unavailable, "cannot drain broker \(id) of \(self.group)",
            because: "nobody has taken over yet; it refuses messages meanwhile",
            try: "look at `apus broker status \(self.group)`, or give up with --undo")
    }
}

struct BrokerClean: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean",
        abstract: "Let the controllers forget brokers that are gone for good.",
        discussion: """
            Examples:
              apus broker clean broker-a --id 3 --yes
              apus broker clean old-group --all --yes
            """)

    @Argument(help: "The broker group.") var group: String
    @Option(help: ArgumentHelp("A broker's id; may be repeated.", valueName: "id"))
    var id: [Int64] = []
    @Flag(help: "The whole group.") var all = false
    @Flag(help: "Also brokers that are alive.") var living = false
    @Flag(help: "Do it without asking.") var yes = false
    @OptionGroup var controllers: ControllerOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard self.all != !self.id.isEmpty else {
            throw ValidationError("Say which brokers: --id ID, or --all for the whole group.")
        }
        guard self.id.allSatisfy({ $0 > 0 }) else {
            throw ValidationError("Broker ids begin at 1.")
        }
        guard self.yes else {
            throw ValidationError(
                "A broker that is forgotten needs a new id to come back. Add --yes if you mean it.")
        }
    }

    func perform() async throws {
        let request = CleanBrokerData(
            clusterName: "", brokerName: self.group, brokerIDs: self.id,
            isCleanLivingBroker: self.living)
        try await self.connection.withControllers(self.controllers) { access in
            _ = try await attempting("cannot clean \(self.group)") {
                () async throws(AccessError) in
                try await access.callLeader(request.command)
            }
        }
        let what =
            self.all ? "the group \(self.group)" : "\(self.id.count) brokers of \(self.group)"
        self.output.confirm(
            "\(what) forgotten",
            ["group": .string(self.group), "ids": .array(self.id.map { .integer($0) })])
    }
}
