// Transactions: what was committed arrives, once; what was rolled back never does.

extension Findings {
    mutating func checkTransactions(_ lives: [Lives.Life]) {
        var committed = 0
        var rolledBack = 0
        var settledByAsking = 0
        for life in lives {
            guard case .transaction(let commits, let isLeftOpen)? = life.wish else { continue }
            // Whoever was not told that the message is stored has not done its work.
            if commits, life.isAcknowledged {
                committed += 1
                self.checkFinished(life)
            } else {
                rolledBack += life.isAcknowledged ? 1 : 0
                self.checkNeverDelivered(life)
            }
            if isLeftOpen, !life.askedAt.isEmpty { settledByAsking += 1 }
            let deliveries = life.deliveries
            for (before, next) in zip(deliveries, deliveries.dropFirst()) {
                self.countRepetition(of: next, after: before, life)
            }
        }
        if settledByAsking == 0 { self.doubt("no broker asked for an outcome") }
        self.note(
            "\(committed) committed, \(rolledBack) rolled back, \(settledByAsking) of all asked for"
        )
    }

    private mutating func checkNeverDelivered(_ life: Lives.Life) {
        guard !life.deliveries.isEmpty else { return }
        let why = life.isAcknowledged ? "was rolled back" : "was never committed"
        self.found(.rolledBack, "\(life.id) \(why) and is delivered") { $0.story(of: life) }
    }
}
