import ClientCore
import DequeModule
import MessageFormat
import RemotingProtocol

extension PopWait {
    /// Who does not wait is asked for once.
    fileprivate func mayAsk(at now: Tick) -> Bool { now < self.deadline || !self.isAsked }
}

// Asking brokers, and serving who waits.
extension PopEngine {
    mutating func serve(at now: Now) {
        self.lastAdvance = now.tick
        for (place, line) in self.polls where line.notBefore.map({ $0 <= now.tick }) == true {
            self.polls[place]?.notBefore = nil
        }
        self.giveOut(at: now.tick)
        for index in self.waiting.indices where self.waiting[index].mayAsk(at: now.tick) {
            self.ask(for: index, at: now)
        }
        self.dismiss(at: now.tick)
    }

    /// Gives what has arrived to those who wait, in their order.
    private mutating func giveOut(at now: Tick) {
        while let first = self.arrived.first, !self.isFresh(first, at: now) {
            self.arrived.removeFirst()
        }
        while !self.arrived.isEmpty, let wait = self.waiting.popFirst() {
            var taken: [PoppedMessage] = []
            while taken.count < wait.messagesMax, let next = self.arrived.popFirst() {
                if self.isFresh(next, at: now) { taken.append(next) }
            }
            guard !taken.isEmpty else {
                self.waiting.prepend(wait)
                break
            }
            self.effects.append(.received(wait.id, .success(taken)))
        }
    }

    /// Half of its time must be left: whoever gets it wants to work on it.
    private func isFresh(_ message: PoppedMessage, at now: Tick) -> Bool {
        now + .milliseconds(message.ticket.invisibleTime / 2) <= message.hiddenUntil
    }

    /// Who has waited long enough goes with nothing, or hears why.
    private mutating func dismiss(at now: Tick) {
        let places = self.places
        while let index = self.waiting.firstIndex(where: { self.isOver($0, places, at: now) }) {
            let wait = self.waiting.remove(at: index)
            self.effects.append(.received(wait.id, self.emptyHanded(places)))
        }
    }

    private func isOver(_ wait: PopWait, _ places: [PollPlace], at now: Tick) -> Bool {
        if now >= wait.answerBy { return true }
        guard now >= wait.deadline, wait.open.isEmpty else { return false }
        // Where the topic is may not be known yet.
        return !places.isEmpty || self.lastProblem != nil || self.problem != nil
    }

    private var problem: PopFailure? {
        self.subscriptions.keys.sorted().lazy.compactMap { topic in
            self.routes.problem(of: topic).map {
                PopFailure(.noNameServer(reason: $0), place: topic)
            }
        }.first
    }

    private func emptyHanded(
        _ places: [PollPlace]
    ) -> Result<[PoppedMessage], PopFailure> {
        // One broker that answers is enough to say that there is nothing.
        if places.contains(where: { (self.polls[$0]?.failures ?? 0) == 0 }) { return .success([]) }
        let noRoute = PopFailure(.noRoute, place: self.subscriptions.keys.min() ?? "")
        return .failure(self.lastProblem ?? self.problem ?? noRoute)
    }

    /// Every broker that has messages for us and a master.
    var places: [PollPlace] {
        self.subscriptions.keys.sorted().flatMap { topic -> [PollPlace] in
            guard let route = self.routes.route(of: topic) else { return [] }
            let readable = Set(route.readQueues.map(\.brokerName))
            return readable.filter { route.masterAddress(of: $0) != nil }.sorted()
                .map { PollPlace(topic: topic, brokerName: $0) }
        }
    }

    /// As many questions are held at a broker as somebody waits, not more.
    private mutating func ask(for index: Int, at now: Now) {
        var places = self.places
        guard !places.isEmpty else { return }
        // Each in turn is the first: its messages are given out first.
        let turn = Int(self.waiting[index].id.value % UInt64(places.count))
        places = Array(places[turn...] + places[..<turn])
        for place in places {
            let line = self.polls[place] ?? PollLine()
            guard line.underWay < self.waiting.count, line.notBefore == nil else { continue }
            self.poll(place, for: index, at: now)
        }
    }

    private mutating func poll(_ place: PollPlace, for index: Int, at now: Now) {
        guard let subscription = self.subscriptions[place.topic],
            let address = self.routes.route(of: place.topic)?
                .masterAddress(of: place.brokerName)
        else { return }
        let wait = self.waiting[index]
        let hold = max(.zero, wait.deadline - now.tick)
        let request = PopRequest(
            group: self.configuration.group, topic: place.topic, brokerName: place.brokerName,
            messagesMax: wait.messagesMax, invisibleTime: wait.invisibleTime, hold: hold,
            startsAtFirst: self.configuration.startsAtFirst, subscription: subscription,
            returnsOnClose: self.configuration.returnsOnClose)
        let token = self.tokens.next()
        self.polling[token] = Poll(place: place, request: request)
        self.polls[place, default: PollLine()].underWay += 1
        self.waiting[index].open.insert(token)
        self.waiting[index].isAsked = true
        self.effects.append(
            .call(
                ClientCall(
                    token: token, address: address, command: request.command(at: now.wall),
                    timeout: hold + self.configuration.answerTime)))
    }

    mutating func polled(
        _ token: CallToken, _ poll: Poll, _ result: CallResult, at now: Now
    ) {
        let place = poll.place
        if !poll.isAbandoned { self.noLongerWaited(for: token, at: place) }
        switch PopAnswer(result, of: poll.request, at: now.tick) {
        case .found(let messages, let filtered):
            self.answered(place)
            self.arrived += messages
            self.drop(filtered, at: now.tick)
        case .nothing:
            self.answered(place)
            // A broker that answers at once, whatever it was asked, is not asked without end.
            self.polls[place]?.notBefore = now.tick + .milliseconds(20)
        case .full:
            self.polls[place]?.notBefore = now.tick + .seconds(1)
        case .refused(let code, let remark):
            self.failed(
                place, AttemptFailure(.answered(code: code.rawValue), reason: remark), at: now.tick)
        case .failed where poll.isAbandoned: break
        case .failed(let failure):
            self.failed(place, failure.failure, at: now.tick)
        }
        guard self.closing == nil else { return }
        self.serve(at: now)
    }

    private mutating func noLongerWaited(for token: CallToken, at place: PollPlace) {
        self.polls[place]?.underWay -= 1
        for index in self.waiting.indices { self.waiting[index].open.remove(token) }
    }

    /// The broker has another master. What the old one may still answer is taken all the same.
    mutating func abandonPolls(at broker: String) {
        for (token, poll) in self.polling
        where poll.place.brokerName == broker && !poll.isAbandoned {
            self.polling[token]?.isAbandoned = true
            self.noLongerWaited(for: token, at: poll.place)
        }
    }

    private mutating func answered(_ place: PollPlace) {
        self.polls[place]?.failures = 0
        self.polls[place]?.notBefore = nil
        self.lastProblem = nil
    }

    private mutating func failed(_ place: PollPlace, _ failure: AttemptFailure, at now: Tick) {
        self.lastProblem = PopFailure(.attempt(failure), place: place.brokerName)
        let failures = (self.polls[place]?.failures ?? 0) + 1
        var pause = Duration.milliseconds(50)
        for _ in 1..<failures where pause < .seconds(1) { pause *= 2 }
        self.polls[place]?.failures = failures
        self.polls[place]?.notBefore = now + min(pause, .seconds(1))
        if failure.suggestsStaleRoute { self.routes.suspect(place.topic, at: now) }
    }

    /// What only shares its tag's hash with what we want is done with.
    private mutating func drop(_ tickets: [PopTicket], at now: Tick) {
        guard let first = tickets.first, let address = self.masters[first.brokerName] else {
            return
        }
        let token = self.tokens.next()
        self.aside.insert(token)
        self.effects.append(
            .call(
                ClientCall(
                    token: token, address: address,
                    command: PopSettlement.acknowledge(tickets)
                        .command(group: self.configuration.group),
                    timeout: self.configuration.settlementTimeout)))
    }
}
