"""Words that several families draw from."""

CHORES = ("Water plants", "Call Anna", "Buy stamps", "Wash car", "Pay rent", "Fix lamp", "Book train", "Clean oven", "Feed cat", "Sort mail", "Iron shirts")
GOODS = ("Milk", "Bread", "Apples", "Cheese", "Coffee", "Rice", "Honey", "Butter", "Soap", "Salt", "Pears", "Tea")
CITIES = ("Oslo", "Lima", "Cairo", "Quito", "Tokyo", "Paris", "Delhi", "Rome", "Berne", "Accra", "Hanoi", "Dakar")
NAMES = ("Anna", "Boris", "Chloe", "Dario", "Elif", "Farid", "Greta", "Hugo", "Irina", "Jonas")
